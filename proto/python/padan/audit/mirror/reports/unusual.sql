WITH e AS ($evidence),
d AS ( -- an officer's day
    SELECT agency, officer, $day AS day, count(*) AS questions,
        count(*) FILTER (officer_bucket = $many) AS repeated,
        count(*) FILTER ($hour >= 22 OR $hour < 5) AS night
    FROM e GROUP BY ALL),
o AS (
    SELECT agency, officer, count(*) AS days, sum(questions)::BIGINT AS questions, sum(repeated)::BIGINT AS repeated,
        sum(night)::BIGINT AS night, sum(questions) / count(*) AS rate
    FROM d GROUP BY ALL),
m AS (SELECT agency, median(rate) AS median_rate FROM o GROUP BY agency),
f AS (
    SELECT o.*, m.median_rate, o.rate / m.median_rate AS ratio,
        o.repeated >= 3 AS by_repeating,
        o.questions >= 20 AND o.night * 2 >= o.questions AS by_night,
        o.questions >= 50 AND o.rate >= $ratio * m.median_rate AS by_rate
    FROM o JOIN m ON m.agency IS NOT DISTINCT FROM o.agency)
SELECT agency, officer, questions, days, round(rate, 1) AS per_day, round(median_rate, 1) AS median_per_day,
    round(ratio, 1) AS times_median, night, repeated AS six_and_more,
    concat_ws(', ',
        CASE WHEN by_repeating THEN 'one subject again and again' END,
        CASE WHEN by_night THEN 'at night' END,
        CASE WHEN by_rate THEN 'far above the median' END) AS why
FROM f WHERE by_repeating OR by_night OR by_rate ORDER BY ratio DESC, agency, officer
