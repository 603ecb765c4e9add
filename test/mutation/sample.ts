/**
 * Stryker plugin for `npm run mutation -- --sample PERCENT`: mutates only a share of the functions. The choice depends on
 * where a function starts and ends in its file, so the same code gives the same sample.
 */
import { createHash } from 'node:crypto';

/** The part of a Babel path that the plugin reads. */
interface Path {
  readonly node: { readonly type: string; readonly start?: number | null; readonly end?: number | null };
  readonly parent?: { readonly type: string };
}

/** A statement of a module or a member of a class, which contains all functions inside it. */
const holders = new Set(['Program', 'ExportNamedDeclaration', 'ExportDefaultDeclaration', 'ClassBody']);
/** Their parts are chosen one by one. */
const containers = new Set(['ExportNamedDeclaration', 'ExportDefaultDeclaration', 'ClassDeclaration']);

/** Whether the part of a module that starts and ends at these characters is in a sample of `percent`. */
export function isSampled(start: number, end: number, percent: number): boolean {
  const hash = createHash('sha256').update(`${start}-${end}`).digest().readUInt32BE();
  return hash < (percent / 100) * 2 ** 32;
}

function shouldIgnore({ node, parent }: Path): string | undefined {
  const percent = Number(process.env['MUTATION_SAMPLE'] ?? 100);
  if (percent >= 100 || !holders.has(parent?.type ?? '') || containers.has(node.type)) return undefined;
  return isSampled(node.start ?? 0, node.end ?? 0, percent) ? undefined : 'Not in the sample.';
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'sample', value: { shouldIgnore } }];
