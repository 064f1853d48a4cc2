WITH e AS ($evidence)
SELECT agency, officer, $tally,
    epoch_ms(min(log_time_ms)::BIGINT) AS first, epoch_ms(max(log_time_ms)::BIGINT) AS last
FROM e GROUP BY agency, officer ORDER BY questions DESC, agency, officer
