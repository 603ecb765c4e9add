import type { FunctionSummary } from './app/function-summary.ts';
import type { Registry } from './app/registry.ts';
import { triggerOf } from './app/rpc.ts';
import type { HttpRoute } from './http/router.ts';
import type { HostLog } from './runtime/host-log.ts';
import type { TimerFunction } from './timers/timer-trigger.ts';

const supportedTriggers = new Set([
  'httptrigger',
  'timertrigger',
  'orchestrationtrigger',
  'activitytrigger',
  'entitytrigger',
]);

/** Describes the functions of the app in the order of registration. */
export function listFunctions(
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

/** Logs a warning for each function whose trigger the host does not support. */
export function warnOfUnsupportedTriggers(functions: readonly FunctionSummary[], log: HostLog): void {
  for (const { name, trigger } of functions) {
    if (supportedTriggers.has(trigger.toLowerCase())) continue;
    const advice = `Run the function with POST /admin/functions/${name}.`;
    log('warning', 'system', `The host does not support ${trigger}. ${advice}`, name);
  }
}
