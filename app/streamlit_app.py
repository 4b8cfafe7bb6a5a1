"""The app's frame and router: `streamlit run app/streamlit_app.py`. Each page is a flat script in `app_pages/`."""

import streamlit as st

from app.database import ReadError
from app.frame import LOGO, STYLE, show_problem

st.set_page_config(page_title="Tieout", layout="wide")
st.html(STYLE)
st.logo(LOGO, size="large")

page = st.navigation(
    [
        st.Page("app_pages/overview.py", title="Overview", default=True),
        st.Page("app_pages/waste.py", title="Waste"),
        st.Page("app_pages/rightsizing.py", title="Rightsizing"),
        st.Page("app_pages/commitments.py", title="Commitments"),
        st.Page("app_pages/schedules.py", title="Schedules"),
        st.Page("app_pages/portfolio.py", title="Portfolio"),
        st.Page("app_pages/data_quality.py", title="Data quality"),
        st.Page("app_pages/assistant.py", title="Assistant"),
    ],
    position="top",
)
try:
    page.run()
except ReadError as error:
    show_problem(error)
