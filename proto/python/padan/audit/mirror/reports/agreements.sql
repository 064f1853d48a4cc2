WITH e AS ($evidence),
a AS ( -- the last one that was put in force for each agency
    SELECT agency, arg_max(agreement, sequence) AS agreement, arg_max(agreement_version, sequence) AS version,
        max(sequence) AS at,
        TRY_CAST(replace(
            regexp_extract(arg_max(detail, sequence), '(?:^|\n)until=([^\n]*)', 1), 'Z', '') AS TIMESTAMP) AS until
    FROM e WHERE kind = $AGREEMENT_ACTIVATED GROUP BY agency),
s AS (SELECT agency, max(sequence) AS at FROM e WHERE kind = $AGREEMENT_SUSPENDED GROUP BY agency),
q AS (
    SELECT e.agency, count(*) AS questions, count(*) FILTER (e.log_time_ms >= epoch_ms(a.until)) AS after_end
    FROM e JOIN a ON e.agency = a.agency AND e.sequence > a.at WHERE e.kind IN $asked GROUP BY e.agency)
SELECT a.agency, a.agreement, a.version, a.until,
    floor((epoch_ms(a.until) - $now) / $day_ms)::INTEGER AS days_left,
    CASE WHEN s.at > a.at THEN 'suspended'
        WHEN a.until IS NULL THEN 'end unknown'
        WHEN epoch_ms(a.until) <= $now THEN 'over'
        WHEN epoch_ms(a.until) <= $now + $warn_days * $day_ms THEN 'near its end'
        ELSE 'in force' END AS state,
    coalesce(q.questions, 0) AS questions, coalesce(q.after_end, 0) AS after_end
FROM a LEFT JOIN s ON s.agency = a.agency LEFT JOIN q ON q.agency = a.agency
ORDER BY a.until NULLS FIRST, a.agency
