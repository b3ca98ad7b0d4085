// The icons in use; each is bundled by itself.
export {
  Activity, ArrowLeft, Check, ChevronDown, ChevronLeft, ChevronRight, CircleAlert, CircleCheck, Clock, Compass,
  ImageOff, Info, Lock, Menu, Minus, Moon, Package, Plus, RefreshCw, Search, ShoppingBasket, Sun, SunMoon, Trash2,
  TriangleAlert, Unplug, WifiOff, Wrench, X,
} from 'lucide-preact';
