import type { Registry } from './app/registry.ts';
import { triggerOf } from './app/rpc.ts';
import type { HttpRoute } from './http/router.ts';
import { type FunctionSummary, type HostLog, HostStartError } from './options.ts';
import { parseSchedule, resolveSettings } from './timers/ncrontab.ts';
import { isMonitored, type TimerFunction } from './timers/timer-trigger.ts';

const served = new Set(['httptrigger', 'timertrigger', 'orchestrationtrigger', 'activitytrigger', 'entitytrigger']);

/** What the app consists of, in the order of registration. */
export function summarise(
  registry: Registry,
  routes: readonly HttpRoute[],
  timers: readonly TimerFunction[],
): FunctionSummary[] {
  return [...registry.functions.values()].map(({ metadata }) => {
    const trigger = triggerOf(metadata).binding.type;
    const route = routes.find(({ functionName }) => functionName === metadata.name);
    const timer = timers.find(({ target }) => target.metadata.name === metadata.name);
    return {
      name: metadata.name,
      trigger,
      ...(route ? { route: `/${route.template.text}`, methods: route.methods, authLevel: route.authLevel } : {}),
      ...(timer ? { schedule: timer.schedule.text } : {}),
    };
  });
}

/** The timer functions with their schedules. Warns of triggers that nothing here fires. @throws HostStartError for a bad schedule. */
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
    const type = binding.type.toLowerCase();
    if (!served.has(type))
      log(
        'warning',
        'system',
        `Nothing fires a ${binding.type} here; run it with POST /admin/functions/${name}.`,
        name,
      );
    if (type !== 'timertrigger') continue;
    try {
      const text = resolveSettings(typeof binding['schedule'] === 'string' ? binding['schedule'] : '', settings);
      const schedule = parseSchedule(text, settings['WEBSITE_TIME_ZONE'] || 'UTC');
      if (schedule.nextMs(nowMs) === undefined) log('warning', 'system', `The schedule "${text}" never comes.`, name);
      timers.push({
        target,
        schedule,
        runOnStartup: binding['runOnStartup'] === true,
        useMonitor: isMonitored(schedule, binding['useMonitor'], nowMs),
      });
    } catch (error) {
      throw new HostStartError(
        `The schedule of function "${name}" is not valid: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
  }
  return timers;
}
