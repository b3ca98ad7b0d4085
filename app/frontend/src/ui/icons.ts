// The icons in use; each is bundled by itself.
export {
  Activity, ArrowLeft, ArrowRight, Check, ChevronDown, ChevronLeft, ChevronRight, CircleAlert, CircleCheck, Clock, Compass,
  ImageOff, Info, Lock, Menu, Minus, Moon, Package, Plus, RefreshCw, Search, ShoppingBasket, Sun, SunMoon, Trash2,
  TriangleAlert, Unplug, WifiOff, Wrench, X,
  Ban, Boxes, Copy, CreditCard, Download, LayoutDashboard, LogOut, PackageCheck, Pencil, Play, Receipt, Scale, SlidersHorizontal, Truck, Undo2, Upload,
  ShieldCheck, Tag, TrendingDown, TrendingUp,
  CircleQuestionMark, CircleX, Database, Landmark, Server, ShoppingCart, Square, Store, Users, Waypoints,
} from 'lucide-preact';
