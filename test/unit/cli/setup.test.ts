import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { confirmPlan } from '../../../src/cli/commands/setup.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { CommandOutcome } from '../../../src/cli/run-program.ts';

const plan = { application: 'default', steps: ['Do this'], notes: ['Another broker uses it.'] };
let said: string;
beforeEach(() => {
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

it('shows notes and steps before it asks, and continues after a yes', async () => {
  await confirmPlan(plan, async () => true);
  expect(said).toBe('Another broker uses it.\nSteps:\n  1. Do this\n');
});

it('says that nothing was changed and ends with 1 after a no', async () => {
  const outcome: unknown = await confirmPlan(plan, async () => false).catch((thrown: unknown) => thrown);
  expect(outcome).toBeInstanceOf(CommandOutcome);
  expect(outcome).toMatchObject({ exitCode: exitCodes.failure });
  expect(said).toMatch(/\nNothing was changed\.\n$/);
});
