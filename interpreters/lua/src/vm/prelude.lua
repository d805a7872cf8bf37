-- What scripts find in their global table: the libraries that Karmada opens, and no others.
--
-- `host` holds what is written in Rust; each of its functions returns whether it went well, and the result or what is
-- wrong. Returns a function that makes the globals of one run: whatever a script does to them, the next one starts anew.
local host = ...

local error, pairs, select, tostring, type = error, pairs, select, tostring, type

-- A function of the host's that blames whoever calls it.
local function checked(call)
  return function(...)
    local well, result = call(...)
    if not well then
      error(result, 2)
    end
    return result
  end
end

local function refusing(message)
  return function()
    error(message, 2)
  end
end

local base = {
  _VERSION = "Lua 5.1",
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, select = select,
  type = type, unpack = unpack or table.unpack, xpcall = xpcall,
  -- There is nowhere to print to.
  print = function() end,
  tonumber = checked(host.tonumber),
}

for _, name in pairs({
  "collectgarbage", "dofile", "getfenv", "getmetatable", "load", "loadfile", "loadstring", "module", "newproxy",
  "rawequal", "rawget", "rawset", "setfenv", "setmetatable",
}) do
  base[name] = refusing("call function " .. name .. " is not supported in karmada customized resourceinterpreter.")
end

local printed = checked(host.number)
function base.tostring(...)
  if select("#", ...) == 0 then
    error("bad argument #1 to tostring (value expected)", 2)
  end
  local value = ...
  local kind = type(value)
  if kind == "number" then
    return printed(value)
  elseif kind == "string" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  end
  -- An address would make answers differ between calls.
  return kind .. ": 0x0"
end

local limited_length = 1000000

-- Only strings of a reasonable length.
local function limited(call)
  return function(text, pattern, ...)
    for _, given in pairs({ text, pattern }) do
      if type(given) == "string" and #given > limited_length then
        error("string length " .. #given .. " exceeds the maximum allowed input string length " .. limited_length, 2)
      end
    end
    return call(text, pattern, ...)
  end
end

local strings = {
  byte = limited(string.byte), char = string.char, find = limited(string.find), gmatch = limited(string.gmatch),
  gfind = limited(string.gmatch), len = string.len, match = limited(string.match), reverse = limited(string.reverse),
  sub = limited(string.sub), format = checked(host.format), lower = checked(host.lower), upper = checked(host.upper),
}
for _, name in pairs({ "dump", "gsub", "rep" }) do
  strings[name] = refusing("The Lua function string." .. name .. " is not supported.")
end

local tables = { concat = table.concat, insert = table.insert, remove = table.remove, sort = table.sort }

function tables.getn(list)
  return #list
end

function tables.maxn(list)
  local largest = 0
  for key in pairs(list) do
    if type(key) == "number" and key > largest then
      largest = key
    end
  end
  return largest
end

local maths = {}
for _, name in pairs({
  "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "frexp", "ldexp", "log", "max", "min",
  "modf", "rad", "random", "randomseed", "sin", "sqrt", "tan", "pi", "huge",
}) do
  maths[name] = math[name]
end
local exp, log, atan, pi = math.exp, math.log, math.atan, math.pi
maths.mod = math.fmod
function maths.pow(x, y) return x ^ y end
function maths.log10(x) return log(x) / log(10) end
function maths.sinh(x) return (exp(x) - exp(-x)) / 2 end
function maths.cosh(x) return (exp(x) + exp(-x)) / 2 end
function maths.tanh(x) return 1 - 2 / (exp(2 * x) + 1) end
function maths.atan2(y, x)
  if x > 0 then return atan(y / x) end
  if x < 0 then return atan(y / x) + (y >= 0 and pi or -pi) end
  return y == 0 and 0 or (y > 0 and pi / 2 or -pi / 2)
end

local clock = { time = checked(host.time), date = checked(host.date) }

local kube = {}
for _, name in pairs({ "accuratePodRequirements", "getPodDependencies", "getResourceQuantity", "resourceAdd" }) do
  kube[name] = checked(host[name])
end

local function copy(from)
  local to = {}
  for key, value in pairs(from) do
    to[key] = value
  end
  return to
end

-- "text":upper() finds these.
getmetatable("").__index = strings

local randomseed = math.randomseed

return function()
  randomseed(0)
  local globals = copy(base)
  globals._G = globals
  globals.string, globals.table, globals.math, globals.os = copy(strings), copy(tables), copy(maths), copy(clock)
  local loaded = {
    _G = globals, string = globals.string, table = globals.table, math = globals.math, os = globals.os,
  }
  local preload = { kube = function() return copy(kube) end }
  globals.package = {
    loaded = loaded, preload = preload, loaders = {}, loadlib = refusing("loadlib is not supported"),
  }
  loaded.package = globals.package
  function globals.require(name)
    if loaded[name] == nil then
      local loader = preload[name]
      if loader == nil then
        error("module " .. base.tostring(name) .. " not found: there is no other than kube", 2)
      end
      local module = loader(name)
      loaded[name] = module == nil and true or module
    end
    return loaded[name]
  end
  return globals
end
