import { createHash } from 'node:crypto';
import type { BlobClient } from '@azure/storage-blob';
import { httpStatusOf } from '../../core/sdk-error.ts';
import { maxPolicyLength } from './parse-policy.ts';
import type { ReadPolicy } from './policy-store.ts';

/**
 * Reads the policy from a file. A missing file means that there is no policy.
 * @param readFile Reads the text of that file.
 */
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

/** Reads the policy from a blob, which can change without a deployment. A missing blob means that there is no policy. */
export function policyFromBlob(blob: Pick<BlobClient, 'download'>): ReadPolicy {
  return async (abortSignal) => {
    try {
      // One byte more than the limit, so that a longer blob is refused for its length and not truncated to another
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
