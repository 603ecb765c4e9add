/** Timer functions that note what they receive. */
import { appendFileSync } from 'node:fs';
import { app, type Timer } from '@azure/functions';

const note = (name: string, timer: Timer): void =>
  appendFileSync(process.env['NOTES_FILE'] ?? '/dev/null', `${name} ${JSON.stringify(timer)}\n`);

app.timer('everyTwoSeconds', { schedule: '00:00:02', handler: (timer) => note('everyTwoSeconds', timer) });
app.timer('everyNight', {
  schedule: '0 0 3 * * *',
  runOnStartup: true,
  handler: (timer) => note('everyNight', timer),
});
