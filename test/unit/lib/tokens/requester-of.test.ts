import { expect, it } from 'vitest';
import { renewal, requesterOf } from '../../../../src/lib/tokens/broker.ts';
import { request } from './stage.ts';

it('waits in the queue of the caller, else in that of the job, else in that of the broker itself', () => {
  expect(requesterOf(request(1, { callerId: 'app/person', purpose: 'report' }))).toEqual({
    id: 'app/person',
    kind: 'caller',
  });
  expect(requesterOf(request(1, { purpose: 'report' }))).toEqual({ id: 'report', kind: 'background' });
  expect(requesterOf(request(1))).toEqual({ id: 'broker', kind: 'broker' });
  expect(renewal.kind).toBe('background');
});
