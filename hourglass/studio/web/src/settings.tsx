// The settings of a run, and the command that makes it again.
import { Copy } from "./copy";
import type { Details, Setting } from "./run";
import type { Run } from "./runs";

export function SettingsTab({ details }: { run: Run; details: Details }) {
  const own = details.settings.filter((setting) => !setting.usual || setting.name === "data");
  const usual = details.settings.filter((setting) => setting.usual && setting.name !== "data");
  return <section>
    <h2>The same from a shell</h2>
    <Copy text={details.command} label="Command" />
    <h2>Settings</h2>
    <Rows settings={own} />
    <details><summary>{usual.length} settings with their defaults</summary><Rows settings={usual} /></details>
    <h2>Environment</h2>
    <table class="metrics"><tbody>{Object.entries(details.environment).map(([name, value]) =>
      <tr key={name}><th scope="row">{name}</th><td>{shown(value)}</td></tr>)}</tbody></table>
  </section>;
}

const Rows = ({ settings }: { settings: Setting[] }) => <table class="metrics"><tbody>
  {settings.map((setting) => <tr key={setting.name}><th scope="row">{setting.name}</th>
    <td><code>{shown(setting.value) || "–"}</code></td><td class="quiet">{setting.about}</td></tr>)}
</tbody></table>;

function shown(value: unknown): string {
  if (value && typeof value === "object") {
    return Object.entries(value).map(([name, of]) => `${name} ${of}`).join(", ");
  }
  return String(value ?? "");
}
