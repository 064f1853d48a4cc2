WITH e AS ($evidence)
SELECT CASE kind
        WHEN $BUDGET_ALERT THEN 'alert ' || regexp_extract(coalesce(detail, ''), '(?:^|\n)budget=([^\n]*)', 1)
        WHEN $VERIFY THEN 'BLOCKED'
        WHEN $VERIFY_BIOMETRIC THEN 'BLOCKED'
        ELSE $reason END AS budget,
    agency, officer, strftime(epoch_ms(($day * $day_ms)::BIGINT), '%Y-%m-%d') AS day, count(*) AS count,
    max(TRY_CAST(regexp_extract(coalesce(detail, ''), '(?:^|\n)units=([0-9]+)', 1) AS BIGINT)) AS units
FROM e WHERE kind = $BUDGET_ALERT OR final_reason IS NOT NULL OR outcome = $BLOCKED
GROUP BY ALL ORDER BY day DESC, count DESC, agency, officer, budget
