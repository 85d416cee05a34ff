// The groups of settings as fields, made from their schema.
export interface Field { name: string; kind: "switch" | "choice" | "number" | "whole" | "text";
  choices: string[]; default: unknown; flag: string; about: string; takes: string; parts: string }
export interface Group { group: string; settings: Field[] }
export interface Part { name: string; text: string; about: string }
export type Values = Record<string, string | number | boolean | null>;

interface Props { groups: Group[]; parts: Record<string, Part[]>; values: Values; wrong?: string;
  holes?: boolean;   // a choice may be several, so it is typed
  set: (name: string, value: string | number | boolean | null) => void }

export function Groups({ groups, parts, values, set, wrong, holes }: Props) {
  return <>{groups.map((group) => {
    const fields = group.settings.filter((field) => field.name !== "model");
    const own = fields.filter((field) => ![undefined, "", null].includes(values[field.name] as null)).length;
    return <details key={group.group} open={fields.some((field) => field.name === wrong) || undefined}>
      <summary>{group.group}{own > 0 && <span class="count">{own} set</span>}</summary>
      <div class="fields">{fields.map((field) => <Input key={field.name} field={field} holes={holes}
        parts={parts[field.parts]} value={values[field.name]} wrong={wrong === field.name}
        set={(value) => set(field.name, value)} />)}</div>
    </details>;
  })}</>;
}

interface InputProps { field: Field; parts?: Part[]; value: Values[string] | undefined; wrong: boolean;
  holes?: boolean;
  set: (value: Values[string]) => void }

function Input({ field, parts, value, wrong, set, holes }: InputProps) {
  const usual = field.default === null || field.default === "" ? "" : String(field.default);
  const id = `setting-${field.name}`;
  const shared = { id, "aria-describedby": `${id}-about`, "aria-invalid": wrong };
  const typed = (text: string) => set(text === "" || field.kind === "text" ? text
    : Number.isFinite(Number(text)) ? Number(text) : text);
  if (field.kind === "switch") {
    return <div class="field"><label class="check"><input type="checkbox" {...shared}
      checked={Boolean(value ?? field.default)} onChange={(e) => set(
        e.currentTarget.checked === field.default ? null : e.currentTarget.checked)} />
      {field.name}</label><small id={`${id}-about`}>{field.about}</small></div>;
  }
  return <div class="field"><label for={id}>{field.name}</label>
    {field.kind === "choice" && !holes ? <select {...shared} value={String(value ?? usual)}
      onChange={(e) => set(e.currentTarget.value === usual ? "" : e.currentTarget.value)}>
      {[...new Set([usual, ...field.choices])].map((choice) => <option key={choice} value={choice}>
        {choice || "default"}</option>)}</select>
      : <input {...shared} class="code" value={String(value ?? "")} placeholder={usual} spellcheck={false}
        inputMode={field.kind === "text" || holes ? undefined : "decimal"} list={parts ? field.parts : undefined}
        onInput={(e) => typed(e.currentTarget.value)} />}
    <small id={`${id}-about`}>{field.about}</small></div>;
}
