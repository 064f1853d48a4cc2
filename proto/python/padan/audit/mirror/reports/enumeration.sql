WITH e AS ($evidence),
b AS ( -- an officer's hours with many misses
    SELECT agency, officer, log_time_ms // $hour_ms AS hour, count(*) AS misses
    FROM e WHERE kind IN $asked AND outcome IN $misses GROUP BY ALL HAVING count(*) >= $run),
q AS ( -- all questions of those hours
    SELECT e.agency, e.officer, b.hour, e.sequence, e.outcome IN $misses AS miss
    FROM e JOIN b ON e.agency = b.agency AND e.officer IS NOT DISTINCT FROM b.officer
        AND e.log_time_ms // $hour_ms = b.hour
    WHERE e.kind IN $asked),
i AS ( -- misses that follow each other have one island
    SELECT *, row_number() OVER (PARTITION BY agency, officer, hour ORDER BY sequence)
        - row_number() OVER (PARTITION BY agency, officer, hour, miss ORDER BY sequence) AS island
    FROM q),
r AS (
    SELECT agency, officer, max(length) AS longest_run FROM (
        SELECT agency, officer, hour, island, count(*) AS length FROM i WHERE miss GROUP BY ALL)
    GROUP BY ALL),
h AS (SELECT agency, officer, count(*) AS hours, sum(misses)::BIGINT AS misses FROM b GROUP BY ALL),
p AS (SELECT agency, officer, count(*) AS prefix_alerts FROM e WHERE kind = $BUDGET_ALERT GROUP BY ALL),
w AS (SELECT agency, officer FROM h UNION SELECT agency, officer FROM p),
s AS (
    SELECT agency, officer, max(subjects) AS subjects_on_busiest_day FROM (
        SELECT e.agency, e.officer, $day AS day, count(*) FILTER (e.officer_bucket = 1) AS subjects
        FROM e SEMI JOIN w ON e.agency = w.agency AND e.officer IS NOT DISTINCT FROM w.officer
        WHERE e.kind IN $asked GROUP BY ALL)
    GROUP BY ALL)
SELECT w.agency, w.officer, coalesce(p.prefix_alerts, 0) AS prefix_alerts,
    coalesce(h.misses, 0) AS misses_in_such_hours, coalesce(h.hours, 0) AS hours,
    coalesce(r.longest_run, 0) AS longest_run, coalesce(s.subjects_on_busiest_day, 0) AS subjects_on_busiest_day
FROM w
LEFT JOIN h ON w.agency = h.agency AND w.officer IS NOT DISTINCT FROM h.officer
LEFT JOIN p ON w.agency = p.agency AND w.officer IS NOT DISTINCT FROM p.officer
LEFT JOIN r ON w.agency = r.agency AND w.officer IS NOT DISTINCT FROM r.officer
LEFT JOIN s ON w.agency = s.agency AND w.officer IS NOT DISTINCT FROM s.officer
ORDER BY prefix_alerts DESC, longest_run DESC, w.agency, w.officer
