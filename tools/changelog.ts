/**
 * `npm run changelog`: writes the section of the version in package.json into CHANGELOG.md, from the conventional commits
 * since the last tag of another version (conventionalcommits.org, 1.0.0). With `--print` it prints the section instead.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

export interface Commit {
  readonly hash: string;
  readonly subject: string;
  readonly body: string;
}

/** Title of a part of the section → the commit types that it lists. Other types do not concern users. */
const parts = { Added: 'feat', Fixed: 'fix', Faster: 'perf' } as const;

interface Change {
  readonly type: string;
  readonly line: string;
  /** What a user must change, if the commit breaks something. */
  readonly breaking: string | undefined;
}

function changeOf({ hash, subject, body }: Commit): Change | undefined {
  const [, type, scope, mark, text] = /^(\w+)(?:\(([^)]+)\))?(!)?: (.+)$/.exec(subject) ?? [];
  if (type === undefined || text === undefined) return undefined;
  const prefix = scope === undefined ? '' : `**${scope}**: `;
  const footer = /(?:^|\n)BREAKING[ -]CHANGE: ([\s\S]+?)(?=\n\n|\n[\w-]+: |$)/.exec(body)?.[1]?.replaceAll('\n', ' ');
  const breaking = footer ?? (mark === undefined ? undefined : text);
  return {
    type,
    line: `- ${prefix}${text} (${hash})`,
    breaking: breaking === undefined ? undefined : `- ${prefix}${breaking} (${hash})`,
  };
}

/** The section of a version, newest change first. */
export function changelogSection(version: string, commits: readonly Commit[]): string {
  const changes = commits.map(changeOf).filter((change) => change !== undefined);
  const listed: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ['Breaking', changes.flatMap(({ breaking }) => breaking ?? [])],
    ...Object.entries(parts).map(
      ([title, wanted]) => [title, changes.filter(({ type }) => type === wanted).map(({ line }) => line)] as const,
    ),
  ];
  const filled = listed.filter(([, lines]) => lines.length > 0);
  const texts = filled.map(([title, lines]) => `### ${title}\n\n${lines.join('\n')}\n`);
  return [`## ${version}\n`, ...(texts.length === 0 ? ['No change that concerns users.\n'] : texts)].join('\n');
}

/** The changelog with a section in place of an older one of the same version, or else above all others. */
export function withSection(changelog: string, version: string, section: string): string {
  const sections = changelog.split(/^(?=## )/m);
  const at = sections.findIndex((existing) => existing.startsWith(`## ${version}\n`));
  const separated = `${section}\n`;
  if (at !== -1) return sections.with(at, at === sections.length - 1 ? section : separated).join('');
  const [head = '', ...older] = sections;
  return [head, older.length === 0 ? section : separated, ...older].join('');
}

const git = (...args: readonly string[]): string =>
  execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

/** Tag of the release before `version`; undefined if there is none. */
function lastTag(version: string): string | undefined {
  try {
    // The notes of a final version include the changes of its pre-releases.
    const preReleases = version.includes('-') ? [] : ['--exclude', 'v*-*'];
    return git('describe', '--tags', '--abbrev=0', '--match', 'v*', '--exclude', `v${version}`, ...preReleases);
  } catch {
    return undefined;
  }
}

function commitsSince(tag: string | undefined): Commit[] {
  const log = git('log', '--no-merges', '--format=%h%x1f%s%x1f%b%x1e', tag === undefined ? 'HEAD' : `${tag}..HEAD`);
  return log
    .split('\u001e')
    .map((entry) => entry.trim().split('\u001f'))
    .flatMap(([hash, subject, body = '']) => (hash && subject ? [{ hash, subject, body }] : []));
}

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const section = changelogSection(version, commitsSince(lastTag(version)));
  if (process.argv.includes('--print')) console.log(section);
  else writeFileSync('CHANGELOG.md', withSection(readFileSync('CHANGELOG.md', 'utf8'), version, section));
}
