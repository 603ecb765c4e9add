import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { JWK } from 'jose';
import * as z from 'zod';
import { parseJson } from '../../lib/core/outbound.ts';
import { UsageError } from '../run-program.ts';

const jwkSchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
});
const fileSchema = z.union([
  jwkSchema.transform((key) => [key]),
  // `az keyvault key show`
  z.object({ key: jwkSchema }).transform(({ key }) => [key]),
  z.object({ keys: z.array(jwkSchema) }).transform(({ keys }) => keys),
]);

/**
 * Public keys from files that the auditor got from Key Vault: JWK, JWK set, or the output of `az keyvault key show`.
 * @throws UsageError
 */
export async function trustedKeys(files: readonly string[]): Promise<readonly JWK[]> {
  const read = await Promise.all(
    files.map(async (file) => {
      const parsed = fileSchema.safeParse(parseJson(await readFile(file, 'utf8')));
      if (parsed.success) return parsed.data;
      throw new UsageError(`${file}: has no public key. Write it with \`az keyvault key show --output json\`.`);
    }),
  );
  return read.flat().map((key) => ({ ...key, x: base64url(key.x), y: base64url(key.y) }));
}

/** The command line of Azure writes base64. */
const base64url = (text: string): string => Buffer.from(text, 'base64').toString('base64url');

/** RFC 7638: the same for the same key, whatever names it. */
export const thumbprintOf = ({ crv, kty, x, y }: JWK): string =>
  hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url');
