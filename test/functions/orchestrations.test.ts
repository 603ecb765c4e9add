import type { DurableClient } from 'durable-functions';
import { describe, expect, it } from 'vitest';
import { orchestrationsOf } from '../../src/functions/orchestrations.ts';

/** Texts as durable-functions 3.5 writes them. */
const failed = (status: number): Error =>
  new Error(`The operation failed with an unexpected status code: ${status}. Details: {"Message":"..."}`);
function startWith(error: Error): Promise<void> {
  const startNew = async (): Promise<string> => {
    throw error;
  };
  return orchestrationsOf({ startNew } as unknown as DurableClient).start('fan-out', 'probe@w', {});
}

describe('orchestrationsOf', () => {
  it('throws run_conflict when the platform already has an active instance with the id', async () => {
    await expect(startWith(failed(409))).rejects.toMatchObject({ code: 'run_conflict' });
  });

  it('throws any other failure of a start unchanged', async () => {
    const error = failed(500);
    await expect(startWith(error)).rejects.toBe(error);
  });
});
