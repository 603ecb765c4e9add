import type { FunctionSummary } from './app/function-summary.ts';
import type { Registry } from './app/registry.ts';
import { triggerOf } from './app/rpc.ts';
import type { HttpRoute } from './http/router.ts';
import type { TimerFunction } from './timers/timer-trigger.ts';

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
