import type { FullContext, Theme } from '@forge/bridge';
/**
 * A component as JSX takes it. What it draws and which props it knows is in docs/ui-kit.md; props that are named here have
 * their types, others are passed on and ignored where the kit does not know them.
 */
export type Component<P = {}> = (props: P & { children?: any; key?: any; testId?: string; [prop: string]: any }) => any;
type Change<T> = (value: T) => void | Promise<void>;
type Handler = (event?: any) => void | Promise<void>;
export const AdfRenderer: Component<{ document: any }>;
export const AtlassianIcon: Component;
export const AtlassianTile: Component;
export const Badge: Component;
export const BarChart: Component;
export const Bleed: Component;
export const Box: Component<{ xcss?: any; padding?: string; backgroundColor?: string; as?: string; role?: string }>;
export const Breadcrumbs: Component;
export const BreadcrumbsItem: Component;
export const Button: Component<{ appearance?: 'default' | 'primary' | 'danger' | 'warning' | 'subtle' | 'link' | (string & {}); onClick?: Handler; isDisabled?: boolean; isSelected?: boolean; type?: 'button' | 'submit' | 'reset'; iconBefore?: string; iconAfter?: string; spacing?: 'default' | 'compact' | 'none'; shouldFitContainer?: boolean }>;
export const ButtonGroup: Component;
export const Calendar: Component;
export const Cell: Component;
export const Checkbox: Component<{ name?: string; value?: string; label?: string; isChecked?: boolean; defaultChecked?: boolean; isDisabled?: boolean; onChange?: Handler }>;
export const CheckboxGroup: Component;
export const ChromelessEditor: Component;
export const Code: Component;
export const CodeBlock: Component;
export const Comment: Component;
export const CommentEditor: Component;
export const CustomFieldEdit: Component;
export const DatePicker: Component<{ name?: string; value?: string; defaultValue?: string; minDate?: string; maxDate?: string; onChange?: Change<string> }>;
export const DonutChart: Component;
export const DynamicTable: Component<{ head?: any; rows?: any[]; caption?: any; rowsPerPage?: number; emptyView?: any; isLoading?: boolean }>;
export const Em: Component;
export const EmptyState: Component<{ header: string; description?: any; primaryAction?: any; secondaryAction?: any; tertiaryAction?: any; isLoading?: boolean }>;
export const ErrorMessage: Component;
export const FileCard: Component;
export const FilePicker: Component;
export const Form: Component<{ onSubmit?: (data?: any) => any }>;
export const FormFooter: Component;
export const FormHeader: Component;
export const FormSection: Component;
export const Frame: Component<{ resource: string }>;
export const Head: Component;
export const Heading: Component<{ as?: 'h1' | 'h2' | 'h3' | 'h4' | 'h5' | 'h6' | (string & {}); size?: string; color?: string }>;
export const HelperMessage: Component;
export const HorizontalBarChart: Component;
export const HorizontalStackBarChart: Component;
export const I18nProvider: Component;
export const Icon: Component<{ glyph: string; label: string; size?: string; color?: string }>;
export const Image: Component<{ src: string; alt?: string; width?: number | string; height?: number | string; size?: string }>;
export const Inline: Component<{ space?: string; rowSpace?: string; alignInline?: string; alignBlock?: string; spread?: string; grow?: string; shouldWrap?: boolean; separator?: string }>;
export const InlineEdit: Component<{ defaultValue: any; label?: string; readView: () => any; editView: (field: any, ref?: any) => any; onConfirm: Change<any>; onCancel?: Handler }>;
export const Label: Component<{ labelFor?: string }>;
export const LineChart: Component;
export const Link: Component<{ href: string; openNewTab?: boolean; onClick?: Handler }>;
export const LinkButton: Component<{ href?: string; appearance?: string; onClick?: Handler }>;
export const List: Component;
export const ListItem: Component;
export const LoadingButton: Component<{ appearance?: string; onClick?: Handler; isDisabled?: boolean; isLoading?: boolean; type?: 'button' | 'submit' | 'reset' }>;
export const Lozenge: Component<{ appearance?: string; isBold?: boolean }>;
export const Modal: Component<{ onClose?: Handler; width?: string | number; shouldCloseOnEscapePress?: boolean; shouldCloseOnOverlayClick?: boolean }>;
export const ModalBody: Component;
export const ModalFooter: Component;
export const ModalHeader: Component;
export const ModalTitle: Component;
export const ModalTransition: Component;
export const Option: Component;
export const Pagination: Component;
export const PieChart: Component;
export const Popup: Component<{ isOpen?: boolean; onClose?: Handler; content?: () => any; trigger?: () => any; placement?: string }>;
export const Pressable: Component<{ xcss?: any; padding?: string; onClick?: Handler; isDisabled?: boolean }>;
export const ProgressBar: Component<{ value?: number; isIndeterminate?: boolean; ariaLabel?: string }>;
export const ProgressTracker: Component;
export const Radio: Component;
export const RadioGroup: Component;
export const Range: Component<{ min?: number; max?: number; step?: number; value?: number; defaultValue?: number; onChange?: Change<number> }>;
export const RequiredAsterisk: Component;
export const Row: Component;
export const SectionMessage: Component<{ appearance?: 'information' | 'warning' | 'error' | 'success' | 'discovery' | (string & {}); title?: string; actions?: any[] }>;
export const SectionMessageAction: Component;
export const Select: Component<{ name?: string; inputId?: string; options?: any[]; value?: any; defaultValue?: any; onChange?: Change<any>; isMulti?: boolean; isSearchable?: boolean; isClearable?: boolean; isLoading?: boolean; isDisabled?: boolean; placeholder?: string }>;
export const Spinner: Component<{ size?: string | number; label?: string }>;
export const Stack: Component<{ space?: string; alignInline?: string; alignBlock?: string; spread?: string; grow?: string }>;
export const StackBarChart: Component;
export const Strike: Component;
export const Strong: Component;
export const SuccessProgressBar: Component;
export const Tab: Component;
export const TabList: Component;
export const TabPanel: Component;
export const Table: Component;
export const Tabs: Component<{ id?: string; selected?: number; defaultSelected?: number; onChange?: Change<number> }>;
export const Tag: Component;
export const TagGroup: Component;
export const Text: Component<{ size?: 'small' | 'medium' | 'large'; weight?: string; align?: 'start' | 'center' | 'end'; color?: string; maxLines?: number; as?: string }>;
export const TextArea: Component<{ name?: string; id?: string; value?: string; defaultValue?: string; placeholder?: string; onChange?: Handler; minimumRows?: number; resize?: string; isDisabled?: boolean }>;
export const TextField: Component;
export const Textfield: Component<{ name?: string; id?: string; type?: string; value?: string; defaultValue?: string; placeholder?: string; onChange?: Handler; onBlur?: Handler; onFocus?: Handler; isDisabled?: boolean; isReadOnly?: boolean; isInvalid?: boolean; isRequired?: boolean; maxLength?: number }>;
export const Tile: Component;
export const TimePicker: Component<{ name?: string; value?: string; defaultValue?: string; times?: string[]; onChange?: Change<string> }>;
export const Toggle: Component<{ id?: string; name?: string; isChecked?: boolean; defaultChecked?: boolean; size?: 'regular' | 'large'; onChange?: Handler }>;
export const Tooltip: Component<{ content?: any; position?: string }>;
export const TransparentProgressBar: Component;
export const User: Component<{ accountId: string; hideDisplayName?: boolean }>;
export const UserGroup: Component<{ accountIds?: string[]; maxCount?: number }>;
export const UserPicker: Component<{ name?: string; label?: string; isMulti?: boolean; value?: any; defaultValue?: any; placeholder?: string; onChange?: Change<any> }>;
export const ValidMessage: Component;
/** Shows an element in the module; it is called once, at the end of a resource's file. */
export function render(element: any): void;
/** What the user configured, undefined before. */
export function useConfig<T = any>(): T | undefined;
export function useContentProperty<T = any>(key: string, initial?: T): [value: T, store: (next: T | ((now: T) => T)) => Promise<void>, remove: () => Promise<void>];
export interface FieldError { type: string; message: string }
export interface FieldRules {
  required?: boolean | string | { value: boolean; message?: string };
  min?: number | { value: number; message?: string };
  max?: number | { value: number; message?: string };
  minLength?: number | { value: number; message?: string };
  maxLength?: number | { value: number; message?: string };
  pattern?: RegExp | { value: RegExp; message?: string };
  validate?: ((value: any, values: any) => any) | Record<string, (value: any, values: any) => any>;
  disabled?: boolean;
}
export interface FormState<V> {
  errors: Partial<Record<keyof V & string, FieldError>>;
  isValid: boolean;
  isSubmitting: boolean;
  isSubmitted: boolean;
  isSubmitSuccessful: boolean;
  touchedFields: Partial<Record<keyof V & string, boolean>>;
  dirtyFields: Partial<Record<keyof V & string, boolean>>;
  [state: string]: any;
}
export interface FormMethods<V> {
  /** The props of a field. */
  register(name: keyof V & string, rules?: FieldRules): { name: string; id: string; onChange: (change: any) => any; onBlur: () => any; [prop: string]: any };
  handleSubmit(onValid: (values: V) => any, onInvalid?: (errors: Partial<Record<keyof V & string, FieldError>>) => any): () => Promise<void>;
  getFieldId(name: keyof V & string): string;
  getValues(name?: keyof V & string): any;
  setValue(name: keyof V & string, value: any, options?: any): void;
  watch(name?: (keyof V & string) | (keyof V & string)[]): any;
  trigger(name?: (keyof V & string) | (keyof V & string)[]): Promise<boolean>;
  clearErrors(name?: keyof V & string): void;
  setError(name: keyof V & string, error: Partial<FieldError>): void;
  reset(values?: Partial<V>): void;
  formState: FormState<V>;
  [method: string]: any;
}
/** The values, errors and states of a form's fields. */
export function useForm<V extends Record<string, any> = Record<string, any>>(options?: { defaultValues?: Partial<V>; mode?: 'onSubmit' | 'onBlur' | 'onChange' | 'onTouched' | 'all'; disabled?: boolean }): FormMethods<V>;
/** A property of the issue beside which the app is shown, as the user who is present. */
export function useIssueProperty<T = any>(key: string, initial?: T): [value: T, store: (next: T | ((now: T) => T)) => Promise<void>, remove: () => Promise<void>];
export interface Location { pathname: string; search: string; hash: string; state: unknown }
export function useLocation(): Location;
/** Goes to another place within the app: navigate('/issues/1'), navigate(-1). */
export function useNavigate(): (to: string | number | Partial<Location>, options?: { state?: unknown; replace?: boolean }) => void;
/** Not offered: throws NOT_OFFERED where it is called, since this platform has no object store. */
export function useObjectStore(): never;
/** The parameters of the route that is shown, or of a pattern. */
export function useParams(pattern?: string): Record<string, string>;
/** Which of the wanted permissions the app has here; it follows what an admin grants. */
export function usePermissions(wanted?: { scopes?: string[]; external?: Record<string, string[] | { backend?: string[]; client?: string[] }> }): { hasPermission: boolean; isLoading: boolean; missingPermissions: { scopes?: string[]; external?: Record<string, unknown> } | null; error: Error | null };
/** Where the app is shown, and for whom; it is there from the first render on. */
export function useProductContext(): FullContext;
export function useSpaceProperty<T = any>(key: string, initial?: T): [value: T, store: (next: T | ((now: T) => T)) => Promise<void>, remove: () => Promise<void>];
export function useTheme(): Theme;
/** Texts in the language of the user. */
export function useTranslation(): { t: (key: string, otherwise?: string) => string; ready: boolean; locale: string };
/** Styles of a Box or a Pressable: the host passes on what its list of properties allows. */
export function xcss<S>(styles: S): S;
/** ForgeReconciler. */
declare const all: { render: typeof render; addConfig(element: any): void };
export default all;
