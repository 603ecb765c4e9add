import type { Command } from 'commander';
import { print } from '../sign-in/output.ts';

/** `ptb init` and `ptb package`: a project with jobs of one's own, without a clone of the repository. */
export function registerProject(program: Command): void {
  program
    .command('init')
    .argument('<folder>', 'a new or an empty folder')
    .description('Write a project with jobs of your own: jobs, tests, policy, parameters and a workflow.')
    .option('--json', 'one JSON document')
    .action(init);
  program
    .command('package')
    .description('Build what is deployed: the app with the jobs of the project in this folder.')
    .option('--out <folder>', 'where app.zip and its files, in app, are replaced', 'out')
    .option('--durable-backend <name>', 'azureStorage or durableTaskScheduler (default: DURABLE_BACKEND)')
    .option('--json', 'one JSON document')
    .action(packageFolder);
}

async function init(folder: string, { json }: { json?: true }): Promise<void> {
  const { newProject } = await import('../project/new-project.ts');
  const files = await newProject(folder);
  print(json, { folder, files }, [
    ...files.map((file) => `Written: ${file}`),
    '',
    `Install what it needs:  cd ${folder} && npm install`,
    'Run its tests:          npm test',
    'Try it:                 npm start',
  ]);
}

interface PackageFlags {
  readonly out: string;
  readonly durableBackend?: string;
  readonly json?: true;
}

async function packageFolder({ out, durableBackend, json }: PackageFlags): Promise<void> {
  const [{ isOwnProject, packageProject }, { chosenBackend, packageLines }, { UsageError }] = await Promise.all([
    import('../project/own-project.ts'),
    import('../project/app-package.ts'),
    import('../run-program.ts'),
  ]);
  if (!(await isOwnProject('.')))
    throw new UsageError('In the repository of partner-token-broker, run `npm run package`.');
  const backend = chosenBackend(durableBackend, process.env['DURABLE_BACKEND']);
  const packaged = await packageProject('.', out, backend);
  print(json, packaged, packageLines(out, packaged));
}
