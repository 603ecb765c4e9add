import { describe, expect, it } from 'vitest';
import { flattenActions, repeatedAction, stateOfFailure } from '../../../src/durable/actions.ts';
import { activityFailure } from '../../../src/durable/activity-failure.ts';
import { unconsumedEvents } from '../../../src/durable/carry-over.ts';
import { historyEvent } from '../../../src/durable/history.ts';

type State = Parameters<typeof flattenActions>[0];
const activity = (functionName: string) => ({ actionType: 0, functionName }) as const;
const event = (externalEventName: string) => ({ actionType: 6, externalEventName }) as const;
const group = (actionType: 11 | 12, ...compoundActions: object[]) => ({ actionType, compoundActions });
const state = (...actions: object[][]): State => ({ isDone: false, actions }) as unknown as State;

describe('flattenActions', () => {
  it('lists the actions in the order of their ids, those of a group in its place', () => {
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(activity);
    const nested = group(11, group(12, b as object, c as object), d as object);
    expect(flattenActions(state([a as object, nested], [], [e as object]))).toEqual([a, b, c, d, e]);
  });
});

describe('repeatedAction', () => {
  const [a, b] = [activity('a'), activity('b')];

  it.each([
    ['in two places', state([a], [b], [a])],
    ['in a group and after it', state([group(11, b, a)], [a])],
    ['in two groups', state([group(11, a)], [group(12, group(11, b, a))])],
  ])('finds an action that was yielded %s', (_where, given) => {
    expect(repeatedAction(given)).toBe(a);
  });

  it('finds none among different objects, events that are awaited twice, and what is no state', () => {
    const again = event('e');
    expect(repeatedAction(state([a], [b], [activity('a')], [again], [again]))).toBeUndefined();
    for (const nothing of [undefined, {}, { actions: 'x' }]) expect(repeatedAction(nothing)).toBeUndefined();
  });
});

describe('stateOfFailure', () => {
  it('reads what the library appends to the message, after the last label', () => {
    const label = '\n\n$OutOfProcData$:';
    expect(stateOfFailure(`why${label}x${label}{"isDone":false}`)).toEqual({ isDone: false });
    expect(stateOfFailure(`why${label}no JSON`)).toBeUndefined();
    expect(stateOfFailure('why')).toBeUndefined();
  });
});

describe('unconsumedEvents', () => {
  const raised = (name: string, input: string) => historyEvent('EventRaised', -1, 0, { Name: name, Input: input });

  it('keeps the events that nobody awaited, those that came last', () => {
    const history = [raised('a', '1'), raised('b', '2'), raised('a', '3'), raised('a', '4')];
    expect(unconsumedEvents(history, [event('a'), activity('a'), event('a'), event('c')])).toEqual([
      { name: 'b', input: '2' },
      { name: 'a', input: '4' },
    ]);
    expect(unconsumedEvents(history, [])).toHaveLength(4);
  });

  it('drops the responses of entities', () => {
    const sent = historyEvent('EventSent', 1, 0, { Input: JSON.stringify({ id: 'request 1' }) });
    expect(unconsumedEvents([sent, raised('request 1', '5'), raised('other', '6')], [])).toEqual([
      { name: 'other', input: '6' },
    ]);
  });
});

describe('activityFailure', () => {
  it('keeps message and stack as the platform does', () => {
    const error = new Error('no luck');
    error.stack = 'the stack';
    const failure = activityFailure('work', error);
    expect(failure).toMatchObject({ ok: false, reason: "Activity function 'work' failed: no luck" });
    expect(failure).not.toHaveProperty('failureDetails');
    expect(JSON.parse(failure.details)).toMatchObject({
      $type: 'System.Exception, System.Private.CoreLib',
      Message: 'no luck',
      HResult: -2_146_233_088,
      InnerException: { Message: 'Result: Failure\nException: no luck\nStack: the stack', InnerException: null },
    });
  });

  it('reads the structured error of the library', () => {
    const message = JSON.stringify({ errorType: 'E', errorMessage: 'm', stackTrace: 's', isNonRetriable: true });
    expect(activityFailure('work', new Error(message))).toEqual({
      ok: false,
      reason: "Activity function 'work' failed: m",
      details: 's',
      failureDetails: {
        ErrorType: 'E',
        ErrorMessage: 'm',
        StackTrace: 's',
        IsNonRetriable: true,
        Properties: null,
        InnerFailure: null,
      },
    });
    const short = activityFailure('work', new Error('{"errorType":"E","errorMessage":"m"}'));
    expect(short).toMatchObject({ details: '', failureDetails: { StackTrace: null, IsNonRetriable: false } });
  });

  it.each(['{', '{"errorType":"E"}', '{"errorMessage":"m"}', '{"errorType":1,"errorMessage":"m"}'])(
    'takes %s for a plain message',
    (message) => {
      const failure = activityFailure('work', new Error(message));
      expect(failure.reason).toBe(`Activity function 'work' failed: ${message}`);
      expect(failure).not.toHaveProperty('failureDetails');
    },
  );
});
