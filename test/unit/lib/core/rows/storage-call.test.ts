import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import {
  isStorageConflict,
  isStorageMissing,
  isStorageRangeInvalid,
  storageCall,
  unlessMissing,
} from '../../../../../src/lib/core/rows/table.ts';
import { httpStatusOf } from '../../../../../src/lib/core/outbound.ts';

const rest = (statusCode: unknown, code?: unknown): object => ({ statusCode, code });

describe('storageCall', () => {
  it('classifies failures by their status', () => {
    expect([rest(409), rest(412), rest(404), rest('409'), null, 'text'].map(isStorageConflict)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect([rest(404), rest(409)].map(isStorageMissing)).toEqual([true, false]);
    expect([rest(416), rest(404), null].map(isStorageRangeInvalid)).toEqual([true, false, false]);
    expect([httpStatusOf(rest(503)), httpStatusOf(undefined)]).toEqual([503, undefined]);
  });

  it('throws storage_unavailable with status and code for the log, without the message', async () => {
    const thrown = Object.assign(new Error('the request was …'), rest(503, 'ServerBusy'));
    await expect(storageCall(() => Promise.reject(thrown))).rejects.toMatchObject({
      code: 'storage_unavailable',
      logFields: { status: 503, storageCode: 'ServerBusy' },
    });
    await expect(storageCall(() => Promise.reject(new Error('text')))).rejects.toMatchObject({
      logFields: { status: undefined, storageCode: undefined },
    });
    await expect(storageCall(() => Promise.reject(rest(500, 3) as Error))).rejects.toMatchObject({
      logFields: { status: 500, storageCode: undefined },
    });
  });

  it('throws a BrokerError unchanged', async () => {
    const error = new BrokerError('run_not_found', 'There is no such run.');
    await expect(storageCall(() => Promise.reject(error))).rejects.toBe(error);
    await expect(storageCall(async () => 3)).resolves.toBe(3);
  });
});

describe('unlessMissing', () => {
  const failing = (thrown: object) => () => Promise.reject(thrown);

  it('returns what is read, and undefined for what does not exist', async () => {
    await expect(unlessMissing(async () => 3)).resolves.toBe(3);
    await expect(unlessMissing(failing(rest(404, 'TableNotFound')))).resolves.toBeUndefined();
  });

  it('throws other failures unchanged', async () => {
    const denied = rest(403);
    await expect(unlessMissing(failing(denied))).rejects.toBe(denied);
    await expect(unlessMissing(failing(denied), () => false)).rejects.toBe(denied);
  });
});
