import project from '../../package.json' with { type: 'json' };
import { versionProblem } from './version-problem.mjs';

// Imported first, so that an old version of Node.js gets a message instead of the error of some missing function. The bundle
// evaluates the commands before it, so none may need a newer version when it is loaded.
const problem = versionProblem(process.version, project.engines.node);
if (problem !== undefined) {
  process.stderr.write(`ptb: ${problem}\n`);
  process.exit(1);
}
