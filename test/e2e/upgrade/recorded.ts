import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import type { SecretToStore } from '../../../src/lib/tokens/credential/stored-secret.ts';
import type { StoredData } from '../../support/stored-data.ts';

type StoredSecret = Omit<SecretToStore, 'value'>;

/** What a version stored, and its answers to GET by path. */
export interface Recorded {
  readonly stored: StoredData;
  readonly answers: Readonly<Record<string, unknown>>;
  readonly secrets: { readonly refreshToken: StoredSecret; readonly clientCredential: StoredSecret };
}

/** @throws Error if the answer is no success. */
export async function ask({ url, callerToken }: Pick<Demo, 'url' | 'callerToken'>, path: string): Promise<unknown> {
  const response = await fetch(`${url}/api${path}`, { headers: { authorization: `Bearer ${await callerToken()}` } });
  const text = await response.text();
  if (!response.ok) throw new Error(`GET ${path}: HTTP ${response.status} ${text}`);
  return JSON.parse(text) as unknown;
}
