-- Every rule's verdicts, one below the other. A new rule adds its line here.
{{ config(materialized='view', schema='intermediate', contract={'enforced': false}) }}

select * from {{ ref('rec_idle_ec2_instances') }}
