WITH e AS ($evidence),
t AS (SELECT agency, outcome, log_time_ms, unnest(string_split(tokens, ' ')) AS token FROM e WHERE tokens IS NOT NULL),
s AS (SELECT agency, outcome, log_time_ms, split_part(token, '=', 1) AS what,
    split_part(split_part(token, '=', 2), '@', 1) AS domain, split_part(token, '@', 2) AS version FROM t)
SELECT agency, domain, version, count(*) FILTER (what = 'subject') AS asked,
    count(*) FILTER (what = 'issue' AND outcome = $MATCH) AS issued,
    epoch_ms(min(log_time_ms)::BIGINT) AS first, epoch_ms(max(log_time_ms)::BIGINT) AS last
FROM s GROUP BY ALL ORDER BY agency, domain, version
