"""AWS into PostgreSQL's `raw` schema. AWS is only read here; no Prefect, no Streamlit and no dbt is known here."""
