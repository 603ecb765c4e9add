import { defaultApplication } from '../model/credential.ts';

/** Commands that see to one of the broker's applications, as advice names them. */
const commands = /`(ptb (?:setup|consent|rotate|doctor|revoke|tenants consent)\b[^`]*)`/g;

/** Advice for one of several applications: without its name the commands would see to the default one. */
export const adviceFor = (application: string, advice: string): string =>
  application === defaultApplication ? advice : advice.replaceAll(commands, `\`$1 --application ${application}\``);
