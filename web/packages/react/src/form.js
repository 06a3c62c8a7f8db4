// useForm: the values, errors and states of a form's fields.
import { useId, useMemo, useReducer, useRef } from 'react';

// valueOf is what a change of a field means: components tell of an event or of the value.
function valueOf(change) {
  const target = change?.target;
  if (target === undefined || target === null) return change;
  return target.type === 'checkbox' || (target.value === undefined && target.checked !== undefined) ? Boolean(target.checked) : target.value;
}

const path = (name) => String(name).split('.');

function read(values, name) {
  return path(name).reduce((at, key) => (at === undefined || at === null ? undefined : at[key]), values);
}

function write(values, name, value) {
  const [key, ...rest] = path(name);
  const copy = Array.isArray(values) ? [...values] : { ...values };
  copy[key] = rest.length === 0 ? value : write(copy[key] ?? {}, rest.join('.'), value);
  return copy;
}

const empty = (v) => v === undefined || v === null || v === '' || v === false || (Array.isArray(v) && v.length === 0);
const limit = (rule) => (typeof rule === 'object' && rule !== null && !(rule instanceof RegExp) ? rule : { value: rule, message: '' });

// check is the first rule that a value breaks, undefined when it breaks none.
async function check(value, rules, values) {
  if (rules.required && empty(value)) return { type: 'required', message: typeof rules.required === 'string' ? rules.required : limit(rules.required).message ?? '' };
  if (empty(value) && rules.validate === undefined) return undefined;
  const broken = {
    min: (b) => Number(value) < b, max: (b) => Number(value) > b, minLength: (b) => String(value).length < b,
    maxLength: (b) => String(value).length > b, pattern: (b) => String(value).match(b) === null, // test would go on where it stopped, with a g
  };
  for (const type of Object.keys(broken)) {
    if (rules[type] === undefined || empty(value)) continue;
    const { value: bound, message = '' } = limit(rules[type]);
    if (broken[type](bound)) return { type, message };
  }
  const own = typeof rules.validate === 'function' ? { validate: rules.validate } : rules.validate ?? {};
  for (const [type, test] of Object.entries(own)) {
    const said = await test(value, values);
    if (said === false || typeof said === 'string') return { type, message: said || '' };
  }
  return undefined;
}

/** The state of one form. See docs/compat.md for what differs from the original. */
export function useForm({ defaultValues = {}, mode = 'onSubmit', disabled = false } = {}) {
  const [, redraw] = useReducer((n) => n + 1, 0);
  const id = useId();
  const state = useRef(null);
  state.current ??= { values: defaultValues, defaults: defaultValues, rules: {}, errors: {}, touched: {}, dirty: {}, submitting: false, submitted: false, ok: false, count: 0, valid: true };
  const s = state.current;

  const form = useMemo(() => {
    const validate = async (names = Object.keys(s.rules)) => {
      const errors = { ...s.errors };
      for (const name of names) {
        const error = await check(read(s.values, name), s.rules[name] ?? {}, s.values);
        if (error === undefined) delete errors[name];
        else errors[name] = error;
      }
      s.errors = errors;
      s.valid = Object.keys(errors).length === 0;
      redraw();
      return s.valid;
    };
    const set = (name, value, options = {}) => {
      s.values = write(s.values, name, value);
      if (options.shouldDirty !== false) {
        const { [name]: _, ...others } = s.dirty;
        s.dirty = JSON.stringify(read(s.defaults, name)) === JSON.stringify(value) ? others : { ...s.dirty, [name]: true };
      }
      if (options.shouldTouch) s.touched = { ...s.touched, [name]: true };
      if (options.shouldValidate) validate([name]);
      redraw();
    };
    const getFieldId = (name) => `${id}${name}`;
    return {
      validate,
      getFieldId,
      getValues: (name = undefined) => (name === undefined ? s.values : Array.isArray(name) ? name.map((n) => read(s.values, n)) : read(s.values, name)),
      watch: (name = undefined) => (name === undefined ? s.values : read(s.values, name)),
      setValue: set,
      reset(values = s.defaults) {
        Object.assign(s, { values, defaults: values, errors: {}, touched: {}, dirty: {}, submitted: false, ok: false, count: 0, valid: true });
        redraw();
      },
      setError(name, error) {
        s.errors = { ...s.errors, [name]: error };
        s.valid = false;
        redraw();
      },
      clearErrors(names = Object.keys(s.errors)) {
        s.errors = Object.fromEntries(Object.entries(s.errors).filter(([n]) => ![names].flat().includes(n)));
        s.valid = Object.keys(s.errors).length === 0;
        redraw();
      },
      trigger: (names = undefined) => validate(names === undefined ? undefined : [names].flat()),
      handleSubmit: (onSubmit, onInvalid = undefined) => async () => {
        s.submitting = true;
        redraw();
        try {
          const valid = await validate();
          s.ok = false;
          await (valid ? onSubmit?.(s.values) : onInvalid?.(s.errors));
          s.ok = valid;
        } finally {
          Object.assign(s, { submitting: false, submitted: true, count: s.count + 1 });
          redraw();
        }
      },
    };
  }, []);

  const register = (name, rules = {}) => {
    s.rules[name] = rules;
    const value = read(s.values, name);
    const off = disabled || rules.disabled === true;
    return {
      id: form.getFieldId(name), name,
      ...(typeof value === 'boolean' ? { isChecked: value } : { value }),
      ...(off && { isDisabled: true }), ...(rules.required && { isRequired: true }), ...(s.errors[name] && { isInvalid: true }),
      onChange(change) {
        const now = valueOf(change);
        form.setValue(name, now);
        rules.onChange?.(change);
        if (mode === 'onChange' || mode === 'all' || (s.submitted && s.errors[name])) return form.validate([name]);
        return undefined;
      },
      onBlur(change) {
        s.touched = { ...s.touched, [name]: true };
        rules.onBlur?.(change);
        redraw();
        return mode === 'onBlur' || mode === 'onTouched' || mode === 'all' ? form.validate([name]) : undefined;
      },
    };
  };

  const { validate, ...offered } = form;
  return {
    ...offered, register,
    formState: {
      errors: s.errors, touchedFields: s.touched, dirtyFields: s.dirty, isDirty: Object.keys(s.dirty).length > 0, isValid: s.valid,
      isSubmitting: s.submitting, isSubmitted: s.submitted, isSubmitSuccessful: s.submitted && s.ok, submitCount: s.count, disabled,
    },
  };
}
