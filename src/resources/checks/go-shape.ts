// Shows a rejected value as Kubernetes' internal types show it: every field, by its name in Go, in the order of the struct.
// The internal types carry no JSON tags. https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation/field#Error.ErrorBody

/** The fields of a struct by their Go names; what stands at a name is shown when the field is not set, or is the shape of what it holds. */
export interface GoShape {
  readonly [goName: string]: GoShape | '' | 0 | null;
}

export function inGo(value: unknown, shape: GoShape): unknown {
  if (Array.isArray(value)) return value.map((item) => inGo(item, shape));
  if (value === null || typeof value !== 'object') return value ?? null;
  const given = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(shape).map(([goName, inside]) => {
      const held = given[`${goName.charAt(0).toLowerCase()}${goName.slice(1)}`];
      if (inside === null || typeof inside !== 'object') return [goName, held ?? inside];
      return [goName, inGo(held, inside)];
    }),
  );
}
