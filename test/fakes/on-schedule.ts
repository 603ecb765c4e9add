import type * as fc from 'fast-check';

/** Wraps an object so that each of its calls waits for its turn. */
export function onSchedule<T extends object>(scheduler: fc.Scheduler, target: T): T {
  return new Proxy(target, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        await scheduler.schedule(Promise.resolve());
        return Reflect.apply(value, object, args) as unknown;
      };
    },
  });
}
