-- Every rule's verdicts, one below the other. A new rule adds its line here.
-- A table: dbt replaces the tables it reads by dropping them, and a view on them would go with them.
{{ config(materialized='table', schema='intermediate', contract={'enforced': false}) }}

select * from {{ ref('rec_idle_ec2_instances') }}
union all
select * from {{ ref('rec_idle_rds_instances') }}
union all
select * from {{ ref('rec_idle_load_balancers') }}
union all
select * from {{ ref('rec_idle_nat_gateways') }}
union all
select * from {{ ref('rec_unattached_ebs_volumes') }}
union all
select * from {{ ref('rec_unattached_elastic_ips') }}
union all
select * from {{ ref('rec_upgradable_gp2_volumes') }}
union all
select * from {{ ref('rec_overprovisioned_ec2_instances') }}
union all
select * from {{ ref('rec_overprovisioned_rds_instances') }}
union all
select * from {{ ref('rec_schedulable_ec2_instances') }}
union all
select * from {{ ref('rec_schedulable_rds_instances') }}
