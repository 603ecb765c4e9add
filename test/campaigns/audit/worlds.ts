import { AuditWorld, type Exported } from './world.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';

const mishaps = { writes: 0.03, failedWrites: 0.1, crashes: 0.002, failedCheckpoints: 0.05 };
const minute = 60_000;

/**
 * A fleet over an hour, with crashes, failed writes, restarts, clocks that differ, a rotated key, an older version beside it,
 * and checkpoints of the first or the present version. Sometimes a day passes, and the first records are purged.
 */
export async function generate(seed: number): Promise<Exported> {
  const random = seededRandom(seed);
  const world = new AuditWorld(random, mishaps);
  world.isFirstVersion = random() < 0.4;
  for (let started = 0; started < 3; started += 1) world.startInstance(started === 2);
  if (random() < 0.15) await purgedDay(world);
  await world.run(900);
  world.kill();
  // The clocks of instances differ.
  world.startInstance(false, (random() - 0.5) * 150_000);
  if (random() < 0.3) world.rotateKey();
  await world.run(600 + Math.floor(random() * 600));
  // An update in the middle.
  if (random() < 0.3) world.isFirstVersion = false;
  world.isKeyDisabled = random() < 0.2;
  await world.run(300);
  world.isKeyDisabled = false;
  await world.run(320);
  return world.export();
}

/** Records of a day ago, of which the older ones are purged by now. */
async function purgedDay(world: AuditWorld): Promise<void> {
  world.retentionMs = 24 * 60 * minute;
  await world.run(600);
  await world.leap(24 * 60 - 5);
  world.purge(world.nowMs - world.retentionMs);
}

/** A fleet of 20 minutes, for somebody to attack. */
export async function startWorld(random: () => number): Promise<AuditWorld> {
  const world = new AuditWorld(random, { ...mishaps, crashes: 0.0003, failedCheckpoints: 0.02 });
  world.isFirstVersion = random() < 0.6;
  for (let started = 0; started < 3; started += 1) world.startInstance(started === 2 && random() < 0.5);
  await world.run(1200 + Math.floor(random() * 200));
  return world;
}

/** The log of one instance over a quarter of an hour, to which nothing happened. */
export async function calmLog(): Promise<Exported> {
  const world = new AuditWorld(seededRandom(3), { writes: 0.05, failedWrites: 0, crashes: 0, failedCheckpoints: 0 });
  world.startInstance();
  await world.run(900);
  return world.export();
}
