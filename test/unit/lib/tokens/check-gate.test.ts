import { expect, it } from 'vitest';
import { CheckGate } from '../../../../src/lib/tokens/credential-state.ts';
import { settle } from '../../../fakes/fake-clock.ts';

/** Counts those that the gate has let through. */
function waiting(gate: CheckGate): { passed: number; wait(): void } {
  const state = {
    passed: 0,
    wait: () =>
      void gate.opened().then(() => {
        state.passed += 1;
      }),
  };
  return state;
}

it('is open before a check', async () => {
  const gate = new CheckGate();
  expect(gate.isClosed).toBe(false);
  const requests = waiting(gate);
  requests.wait();
  await settle();
  expect(requests.passed).toBe(1);
});

it('opens for all that wait once the last check ends', async () => {
  const gate = new CheckGate();
  const requests = waiting(gate);
  gate.beginCheck();
  requests.wait();
  gate.beginCheck();
  requests.wait();
  gate.endCheck();
  await settle();
  expect(gate.isClosed).toBe(true);
  expect(requests.passed).toBe(0);
  gate.endCheck();
  expect(gate.isClosed).toBe(false);
  await settle();
  expect(requests.passed).toBe(2);
});

it('closes again for the next check, also for those that the last one has just let through', async () => {
  const gate = new CheckGate();
  const requests = waiting(gate);
  gate.beginCheck();
  requests.wait();
  gate.endCheck();
  gate.beginCheck();
  await settle();
  expect(requests.passed).toBe(0);
  gate.endCheck();
  await settle();
  expect(requests.passed).toBe(1);
});
