"""The four stages of going live: liveness, consistency, load, scenario. Each ends in a report for auditors to keep."""
