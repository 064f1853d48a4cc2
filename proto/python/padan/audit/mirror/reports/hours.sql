WITH e AS ($evidence)
SELECT $hour::INTEGER AS hour, $tally FROM e GROUP BY 1 ORDER BY 1
