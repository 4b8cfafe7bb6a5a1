-- Every rule's verdicts, one below the other. A new rule adds its line here.
-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table', schema='intermediate', contract={'enforced': false}) }}

select * from {{ ref('rec_idle_ec2_instances') }}
