import type { Registry } from '../app/registry.ts';
import { triggerOf } from '../app/rpc.ts';
import { messageOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import { HostStartError } from '../runtime/host-start-error.ts';
import { parseSchedule, resolveSettings } from './ncrontab.ts';
import { isMonitored, type TimerFunction } from './timer-trigger.ts';

/**
 * The timer functions of an app with their schedules. Logs a warning for a schedule without occurrences.
 * @throws HostStartError for an invalid schedule.
 */
export function timerFunctions(
  registry: Registry,
  settings: Readonly<Record<string, string | undefined>>,
  nowMs: number,
  log: HostLog,
): TimerFunction[] {
  const timers: TimerFunction[] = [];
  for (const target of registry.functions.values()) {
    const { name } = target.metadata;
    const { binding } = triggerOf(target.metadata);
    if (binding.type.toLowerCase() !== 'timertrigger') continue;
    try {
      const text = resolveSettings(typeof binding['schedule'] === 'string' ? binding['schedule'] : '', settings);
      const schedule = parseSchedule(text, settings['WEBSITE_TIME_ZONE'] || 'UTC');
      if (schedule.nextMs(nowMs) === undefined)
        log('warning', 'system', `The schedule "${text}" has no occurrences.`, name);
      timers.push({
        target,
        schedule,
        runOnStartup: binding['runOnStartup'] === true,
        useMonitor: isMonitored(schedule, binding['useMonitor'], nowMs),
      });
    } catch (error) {
      throw new HostStartError(`The schedule of function "${name}" is not valid: ${messageOf(error)}.`);
    }
  }
  return timers;
}
