import { describe, expect, it } from 'vitest';
import { Registry } from '../../../src/app/registry.ts';
import { listFunctions } from '../../../src/function-list.ts';
import { httpRoute } from '../../../src/http/router.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';
import { timerFunctions } from '../../../src/timers/timer-functions.ts';
import type { TimerFunction } from '../../../src/timers/timer-trigger.ts';

const noon = Date.parse('2026-07-01T12:00:00.000Z');

type Options = Readonly<Record<string, unknown>>;

const registryWith = (functions: Readonly<Record<string, Options>>): Registry => {
  const registry = new Registry(() => undefined);
  for (const [name, binding] of Object.entries(functions))
    registry.registerFunction({ name, bindings: { t: { type: 'timerTrigger', ...binding } } }, () => undefined);
  return registry;
};

function timers(functions: Readonly<Record<string, Options>>, settings: Record<string, string> = {}) {
  const logged: string[] = [];
  const found = timerFunctions(registryWith(functions), settings, noon, (...entry) => logged.push(entry.join(' ')));
  return { found, logged };
}

const next = ({ schedule }: TimerFunction): string => new Date(schedule.nextMs(noon) ?? 0).toISOString();

describe('timerFunctions', () => {
  it('finds the timers with their options', () => {
    const { found, logged } = timers({
      plain: { schedule: '0 0 * * * *' },
      web: { type: 'httpTrigger', schedule: '0 0 * * * *' },
      eager: { type: 'TIMERTRIGGER', schedule: '0 30 * * * *', runOnStartup: true, useMonitor: false },
      odd: { schedule: '0 0 * * * *', runOnStartup: 'true' },
    });
    expect(
      found.map(({ target, runOnStartup, useMonitor }) => [target.metadata.name, runOnStartup, useMonitor]),
    ).toEqual([
      ['plain', false, true],
      ['eager', true, false],
      ['odd', false, true],
    ]);
    expect(found.map(next).slice(0, 2)).toEqual(['2026-07-01T13:00:00.000Z', '2026-07-01T12:30:00.000Z']);
    expect(logged).toEqual([]);
  });

  it('reads the schedule from a setting, in the time zone of the app', () => {
    const settings = { PLAN: '0 0 15 * * *', WEBSITE_TIME_ZONE: 'Europe/Berlin' };
    expect(timers({ plain: { schedule: '%PLAN%' } }, settings).found.map(next)).toEqual(['2026-07-01T13:00:00.000Z']);
    expect(timers({ plain: { schedule: '0 0 15 * * *' } }, { WEBSITE_TIME_ZONE: '' }).found.map(next)).toEqual([
      '2026-07-01T15:00:00.000Z',
    ]);
  });

  it('warns of a schedule without occurrences', () => {
    expect(timers({ never: { schedule: '0 0 0 31 2 *' } }).logged).toEqual([
      'warning system The schedule "0 0 0 31 2 *" has no occurrences. never',
    ]);
  });

  it.each([
    ['%NONE%', 'the app setting NONE is not set'],
    [undefined, 'is not an NCRONTAB expression'],
    [5, 'is not an NCRONTAB expression'],
    ['0 0 25 * * *', '"25" is not a valid hour'],
  ])('names the function with the schedule %s', (schedule, reason) => {
    const start = (): unknown => timers({ broken: { schedule } });
    expect(start).toThrow(HostStartError);
    expect(start).toThrow('The schedule of function "broken" is not valid: ');
    expect(start).toThrow(reason);
  });
});

it('lists the functions with what their triggers have', () => {
  const functions = {
    tick: { schedule: '%PLAN%' },
    hello: { type: 'httpTrigger', methods: ['get'], authLevel: 'function', route: 'hi/{id}' },
    work: { type: 'activityTrigger' },
  };
  const registry = registryWith(functions);
  const found = timerFunctions(registry, { PLAN: '0 0 * * * *' }, noon, () => undefined);
  const hello = registry.functions.get('hello');
  const routes = hello ? [httpRoute(hello.metadata, 'api')] : [];
  expect(listFunctions(registry, routes, found)).toEqual([
    { name: 'tick', trigger: 'timerTrigger', schedule: '0 0 * * * *' },
    { name: 'hello', trigger: 'httpTrigger', route: '/api/hi/{id}', methods: ['GET'], authLevel: 'function' },
    { name: 'work', trigger: 'activityTrigger' },
  ]);
});
