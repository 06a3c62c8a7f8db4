export { FilterConditions, SortOrder, WhereConditions, startsWith, storage } from '@annex/api';
export { storage as default } from '@annex/api';
