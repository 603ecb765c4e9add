import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';

const ignored = (path: string): boolean => /(^|\/)(node_modules|out|build|dist|\.local)(\/|$)/.test(path);
const documents = globSync(['*.md', '{docs,clients,packages,bench}/**/*.md'], { cwd: projectRoot }).filter(
  (path) => !ignored(path),
);

/** Without code, in which brackets and number signs mean something else. */
const textOf = (path: string): string =>
  readFileSync(join(projectRoot, path), 'utf8').replaceAll(/^\s*```[^]*?^\s*```/gm, '');

/** The anchors that GitHub gives the headings of a document. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of textOf(path).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    let again = 0;
    while (anchors.has(again === 0 ? anchor : `${anchor}-${again}`)) again += 1;
    anchors.add(again === 0 ? anchor : `${anchor}-${again}`);
  }
  return anchors;
}

it.each(documents)('the links of %s lead to files and headings that exist', (path) => {
  const links = [
    ...textOf(path)
      .replaceAll(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s:]+)\)/g),
  ].map(([, link]) => link ?? '');
  const broken = links.filter((link) => {
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : relative(projectRoot, join(projectRoot, dirname(path), file));
    if (!existsSync(join(projectRoot, target))) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
  });
  expect(broken).toEqual([]);
});

it('finds links with anchors', () => {
  expect(documents).toContain('docs/dashboard.md');
  expect(documents.filter((path) => /\]\([^)\s:]*#/.test(textOf(path))).length).toBeGreaterThan(5);
});
