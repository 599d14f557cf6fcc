// Reads {"tables": {name: {column: type}}, "queries": {name: text}} from stdin and writes, for each query, what the
// language service finds: problems, the columns of its result, the tables it reads, the text and the members of
// Properties that it names.
"use strict";
const { createRequire } = require("node:module");
const load = createRequire(process.argv[2] + "/package.json");
load("@kusto/language-service-next/bridge.min.js");
load("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { KustoCode, GlobalState, Symbols, Syntax } = Kusto.Language;

function list(some) {
  return some === null ? [] : Array.from({ length: some.Count }, (_, index) => some.getItem(index));
}

function database(tables) {
  const symbols = Object.entries(tables).map(([name, columns]) => {
    const text = Object.entries(columns).map(([column, type]) => `['${column}']:${type}`).join(", ");
    return Symbols.TableSymbol.From(`(${text})`).WithName(name);
  });
  return new Symbols.DatabaseSymbol.$ctor3("workspace", null, symbols);
}

function walk(node, visit) {
  visit(node);
  for (let index = 0; index < node.ChildCount; index++) {
    const child = node.GetChild(index);
    if (child) walk(child, visit);
  }
}

function analysis(text, globals) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const found = { problems: [], columns: {}, tables: [], texts: [], properties: [] };
  for (const problem of list(code.GetDiagnostics())) {
    const line = text.slice(0, problem.Start).split("\n").length;
    found.problems.push(`line ${line}: ${problem.Severity} ${problem.Code}: ${problem.Message}`);
  }
  if (code.ResultType && code.ResultType.Columns) {
    for (const column of list(code.ResultType.Columns)) found.columns[column.Name] = column.Type.Name;
  }
  walk(code.Syntax, (node) => {
    if (node instanceof Syntax.NameReference && node.ReferencedSymbol instanceof Symbols.TableSymbol) {
      if (globals.IsDatabaseTable(node.ReferencedSymbol)) found.tables.push(node.SimpleName);
    } else if (node instanceof Syntax.LiteralExpression && typeof node.LiteralValue === "string") {
      found.texts.push(node.LiteralValue);
    } else if (node instanceof Syntax.PathExpression || node instanceof Syntax.ElementExpression) {
      const member = node.Selector.toString().match(/\w+/);
      if (node.Expression.toString().trim() === "Properties") found.properties.push(member[0]);
    }
  });
  return found;
}

const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const globals = GlobalState.Default.WithDatabase(database(asked.tables));
const answers = Object.entries(asked.queries).map(([name, text]) => [name, analysis(text, globals)]);
process.stdout.write(JSON.stringify(Object.fromEntries(answers)));
