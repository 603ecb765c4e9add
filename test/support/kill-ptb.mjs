// Loaded before `ptb`: kills it (SIGKILL) at the step that KILL_AT names, as late as the second tenant.
import child_process from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const step = process.env.KILL_AT;
const die = () => process.kill(process.pid, 'SIGKILL');

/** Puts `before` in front of the second call of a function that `matters` counts. */
function replace(owner, name, matters, instead) {
  const original = owner[name];
  let calls = 0;
  owner[name] = function (...args) {
    if (matters(...args) && ++calls === 2) return instead(original.bind(this), ...args);
    return original.apply(this, args);
  };
}

if (step === 'before-start') replace(child_process, 'spawn', () => true, die);
if (step === 'after-start')
  replace(
    child_process,
    'spawn',
    () => true,
    (spawn, ...args) => {
      const child = spawn(...args);
      die();
      return child;
    },
  );
if (step === 'journal-write')
  replace(
    fs.promises,
    'appendFile',
    (file) => String(file).endsWith('.jsonl'),
    (_append, file, text) => {
      fs.appendFileSync(file, String(text).slice(0, 30));
      die();
    },
  );
if (step === 'after-journal-write')
  replace(
    fs.promises,
    'appendFile',
    (file) => String(file).endsWith('.jsonl'),
    async (append, ...args) => {
      await append(...args);
      die();
    },
  );
if (step === 'summary') {
  const write = process.stderr.write;
  process.stderr.write = function (text, ...rest) {
    if (/^\d+ tenants: /.test(String(text))) die();
    return write.call(this, text, ...rest);
  };
}
syncBuiltinESMExports();
