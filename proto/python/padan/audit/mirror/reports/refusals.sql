WITH e AS ($evidence)
SELECT CASE WHEN kind = $REFUSED THEN $reason ELSE $outcome END AS reason, agency, count(*) AS count,
    epoch_ms(min(log_time_ms)::BIGINT) AS first, epoch_ms(max(log_time_ms)::BIGINT) AS last
FROM e WHERE kind = $REFUSED OR outcome IN $unanswered
GROUP BY ALL ORDER BY count DESC, reason, agency
