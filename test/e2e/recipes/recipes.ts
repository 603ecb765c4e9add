import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';

/** A section of docs/recipes.md. */
export interface Recipe {
  /** Files to write, by name. */
  readonly files: ReadonlyMap<string, string>;
  /** The command for a shell. */
  readonly command: string;
}

/** The recipes by title. A code block below the name of a file is that file, another one of a shell is the command. */
export async function readRecipes(): Promise<ReadonlyMap<string, Recipe>> {
  const page = await readFile(join(projectRoot, 'docs/recipes.md'), 'utf8');
  return new Map(
    page
      .split(/^## /m)
      .slice(1)
      .map((section): [string, Recipe] => {
        const files = [...section.matchAll(/^`([\w.-]+)`:\n\n```\w+\n([\s\S]*?)^```$/gm)].map(
          ([, name = '', code = '']): [string, string] => [name, code],
        );
        const [, command = ''] =
          /(?:^|[^:]\n)\n```sh\n([\s\S]*?)^```$/m.exec(section.replace(/^`[\w.-]+`:\n\n```[\s\S]*?^```$/gm, '')) ?? [];
        return [section.split('\n', 1)[0] ?? '', { files: new Map(files), command }];
      }),
  );
}
