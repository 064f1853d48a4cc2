WITH e AS ($evidence),
o AS (SELECT agency, officer, $tally FROM e GROUP BY ALL)
SELECT agency, count(officer) AS officers, $sums
FROM o GROUP BY ALL ORDER BY questions DESC, agency
