WITH e AS ($evidence),
o AS (SELECT purpose, agency, $tally FROM e GROUP BY ALL)
SELECT purpose, count(agency) AS agencies, $sums
FROM o GROUP BY ALL ORDER BY questions DESC, purpose
