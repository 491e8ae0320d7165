/* watch_clock.c: the watcher's time; see watch_clock.h. */
#include "postgres.h"

#include "portability/instr_time.h"
#include "utils/timestamp.h"

#include "watch_clock.h"

TimestampTz
watch_now(void)
{
	static TimestampTz began = 0;
	static instr_time start;
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	if (began == 0)
	{
		began = GetCurrentTimestamp();
		start = now;
	}
	INSTR_TIME_SUBTRACT(now, start);
	return began + (TimestampTz) INSTR_TIME_GET_MICROSEC(now);
}
