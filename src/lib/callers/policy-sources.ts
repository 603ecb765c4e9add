import { createHash } from 'node:crypto';
import type { BlobClient } from '@azure/storage-blob';
import { httpStatusOf } from '../runtime/sdk-error.ts';
import { maxPolicyLength } from './parse-policy.ts';
import type { ReadPolicy } from './policy-store.ts';

/** A policy in a file. @param readFile reads that file. */
export function policyFromFile(readFile: () => Promise<string>): ReadPolicy {
  return async () => {
    try {
      const text = await readFile();
      return { text, etag: createHash('sha256').update(text).digest('hex') };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
}

/** A policy in a blob, so that it can change without a deployment. */
export function policyFromBlob(blob: Pick<BlobClient, 'download'>): ReadPolicy {
  return async (abortSignal) => {
    try {
      // One byte more than the limit: a longer blob is then refused for its length, instead of being cut to another
      // meaning.
      const reply = await blob.download(0, maxPolicyLength + 1, { abortSignal });
      const chunks: Buffer[] = [];
      for await (const chunk of reply.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      const text = Buffer.concat(chunks).toString('utf8');
      return { text, etag: createHash('sha256').update(text).digest('hex') };
    } catch (error) {
      if (httpStatusOf(error) === 404) return undefined;
      throw error;
    }
  };
}
